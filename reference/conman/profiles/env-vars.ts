/** The names of environment variables in profiles and overrides. */

const KEY = /^[A-Za-z0-9_]{1,256}$/

/** Why a name is refused, or undefined when it may be used. */
export function envKeyProblem(key: string): string | undefined {
  return KEY.test(key) ? undefined : 'keys are 1 to 256 letters, digits and _'
}
