// The rate limits as the specification has them, as variables: for a check that is about them (own-stack.ts turns them off).

/** data-and-runtime §6.6, RL1–RL3: 100 requests and 30 writes a minute and user, 10 a minute and address to /api/auth/. */
export const SPECIFIED_RATE_LIMITS: Readonly<Record<string, string>> = {
  CONMAN_RATE_LIMIT_USER_PER_MINUTE: '100',
  CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '30',
  CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '10',
}
