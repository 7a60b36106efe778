// The options by which a user consents to more than reading. The other half of the consent is the host's name
// (harness/consent.ts).

/** For yargs: `.options(consentOptions)`. */
export const consentOptions = {
  'allow-writes': {
    type: 'boolean',
    default: false,
    describe: 'let a URL be written to; its host must be typed in CONMAN_CONSENT_HOST, too',
  },
  'allow-destructive': {
    type: 'boolean',
    default: false,
    describe: 'let a URL be disrupted as well; its host must be typed, too',
  },
} as const
