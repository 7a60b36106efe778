// Holds what a user gave against the schema, and says what does not fit in words: which key, what is wanted there, and for
// an unknown key the one that was probably meant.

import { Ajv, type ErrorObject } from 'ajv'
import type { Complaint } from './complaint.ts'
import { didYouMean } from './nearest.ts'
import { CommandTargetSchema, ConfigSchema, UrlTargetSchema } from './schema.ts'

const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, discriminator: true })
// Looked at later, where it can be said what is wrong with one.
ajv.addFormat('http-url', true)
const validateFile = ajv.compile(ConfigSchema)
const validateUrl = ajv.compile(UrlTargetSchema)
const validateCommand = ajv.compile(CommandTargetSchema)

/** Complaints about the shape of a whole file; keys as ajv's pointers say them, joined by dots. */
export function complaintsAboutFile(value: unknown): Complaint[] {
  return validateFile(value) ? [] : complaintsOf(validateFile.errors ?? [])
}

/** The same for one target; keys begin at the target. */
export function complaintsAboutTarget(value: unknown, kind: 'url' | 'command'): Complaint[] {
  const validate = kind === 'command' ? validateCommand : validateUrl
  return validate(value) ? [] : complaintsOf(validate.errors ?? [])
}

/** Words of a key under which somebody may put a secret, and the keys that take it instead. */
const SECRETS: Readonly<Record<string, string>> = {
  password: 'password_file names a file that holds it, password_variable a variable of the environment',
  uri: 'uri_file names a file that holds it, uri_variable a variable of the environment',
  jwt_secret: 'jwt_secret_file names a file that holds it',
  secrets: 'secret_files names a file for each variable',
}

/** ajv's errors in words: each with its key, what is wanted there, and for an unknown key the nearest one. */
function complaintsOf(errors: readonly ErrorObject[]): Complaint[] {
  const complaints: Complaint[] = []
  for (const error of errors) {
    const path = error.instancePath
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const add = (key: readonly string[], what: string, remedy: string) =>
      complaints.push({ key: key.join('.'), what, remedy })
    const schema = error.parentSchema as { description?: string; properties?: Record<string, { description?: string }> }
    const description = schema.description === undefined ? '' : `: ${schema.description}`
    switch (error.keyword) {
      case 'additionalProperties': {
        const key = error.params.additionalProperty as string
        const known = Object.keys(schema.properties ?? {})
        const secret = SECRETS[key]
        if (secret !== undefined && known.some((one) => one.startsWith(key.replace(/s$/, '')))) {
          add([...path, key], 'is a secret, and secrets do not stand in this file', `take it out: ${secret}`)
        } else if (known.length === 0) {
          add([...path, key], 'is not a name of a variable', 'letters, digits and _ only')
        } else {
          add(
            [...path, key],
            `is not a key that is known here${didYouMean(key, known)}`,
            `known here: ${known.join(', ')}`,
          )
        }
        break
      }
      case 'required': {
        const key = error.params.missingProperty as string
        const what = schema.properties?.[key]?.description
        add([...path, key], 'is missing', what === undefined ? 'kind: url or kind: command' : `give it: ${what}`)
        break
      }
      case 'discriminator':
        // One that is missing is said by `required`.
        if (error.params.tagValue === undefined) break
        add(
          [...path, 'kind'],
          'is not a kind of target',
          'kind: url, a Conman that runs somewhere, or kind: command, a program',
        )
        break
      case 'type':
        add(path, `must be ${WANTED[error.params.type as string] ?? error.params.type}`, `write it so${description}`)
        break
      case 'pattern':
      case 'propertyNames':
      case 'not':
        // A name that does not fit is said once, by the keyword that knows which one it was.
        if (error.keyword === 'propertyNames') {
          add(
            [...path, error.params.propertyName as string],
            'is not a name for a target',
            'letters, digits, dots, - and _; ‘reference’ is the bundled Conman',
          )
        } else if (error.propertyName === undefined) {
          add(path, 'has a form that is not understood', `write it so${description}`)
        }
        break
      case 'anyOf':
      case 'oneOf':
        break
      default:
        add(path, error.message ?? 'is not understood', `write it so${description}`)
    }
  }
  return complaints
}

const WANTED: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  object: 'keys with values',
  number: 'a number',
  integer: 'a whole number',
}
