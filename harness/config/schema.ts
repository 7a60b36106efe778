// The shape of readiness.config.yaml. The JSON schema that editors read is written from it, and what variables say is
// brought into the same shape, so that there is one list of what can be handed over.

import { type Static, type TSchema, Type } from 'typebox'
import { HOOK_NAMES } from '../target/options.ts'

/** The name of the file in the working folder that is read without being asked for. */
export const CONFIG_FILE = 'readiness.config.yaml'

/** A name for a person to type after --target. */
export const TARGET_NAME = '^[A-Za-z0-9][A-Za-z0-9._-]*$'

const closed = { additionalProperties: false }
const text = (description: string) => Type.String({ description, minLength: 1 })
const url = (description: string) => Type.String({ description, minLength: 1, format: 'http-url' })
const path = (description: string) =>
  Type.String({ description: `${description}; relative to this file`, minLength: 1 })
const variable = (description: string) => Type.String({ description, pattern: '^[A-Za-z_][A-Za-z0-9_]*$' })
const words = (description: string) =>
  Type.Array(Type.String(), {
    description: `${description}: the program and its arguments, one word each; no shell reads them`,
    minItems: 1,
  })

const Hook = Type.Object(
  {
    command: words('The command'),
    timeout_s: Type.Optional(
      Type.Number({
        description: 'Seconds after which it is ended (default: 60)',
        exclusiveMinimum: 0,
        maximum: 3_600,
      }),
    ),
  },
  closed,
)

export const UrlTargetSchema = Type.Object(
  {
    kind: Type.Literal('url', { description: 'A Conman that runs somewhere' }),
    url: url('What stands in front of /api'),
    admin: Type.Object(
      {
        email: text('The account that `bootstrap-admin` made'),
        password_file: Type.Optional(path('A file that holds nothing but its password')),
        password_variable: Type.Optional(variable('A variable of the environment that holds its password')),
      },
      closed,
    ),
    ca_file: Type.Optional(path('Certificates (PEM) of the private authority that vouches for the target')),
    repos: Type.Optional(
      Type.Array(text('The repo_path of an app'), {
        description:
          'Git repositories with a commit on main that no app of the target uses yet: one for each app that is made',
        uniqueItems: true,
      }),
    ),
    mongo: Type.Optional(
      Type.Object(
        {
          uri_file: Type.Optional(path('A file that holds nothing but the connection string of a read-only user')),
          uri_variable: Type.Optional(variable('A variable of the environment that holds the connection string')),
          database: Type.Optional(text('Conman’s database (default: conman)')),
        },
        closed,
      ),
    ),
    git_storage: Type.Optional(path('The folder with the repositories, where it can be read from here')),
    toxiproxy: Type.Optional(
      Type.Object(
        {
          url: url('The API of a Toxiproxy that stands in front of what the target stands on'),
          proxies: Type.Optional(
            Type.Object(
              {
                'mongo-api': Type.Optional(text('The proxy between the API and MongoDB (default: mongo-api)')),
                'mongo-worker': Type.Optional(text('The proxy between the worker and MongoDB (default: mongo-worker)')),
                git: Type.Optional(text('The proxy before the git backend (default: git)')),
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    prometheus: Type.Optional(url('A Prometheus that scrapes the target')),
    logs: Type.Optional(
      Type.Object(
        {
          file: Type.Optional(path('The log of the server')),
          command: Type.Optional(
            words('A command that prints the server’s log and ends; {since} in it becomes the time from which on'),
          ),
        },
        closed,
      ),
    ),
    outbox_file: Type.Optional(path('Where the target writes the mails that it would send')),
    source: Type.Optional(path('The folder with the target’s source')),
    jwt_secret_file: Type.Optional(path('A file that holds nothing but the secret that signs the target’s tokens')),
    hooks: Type.Optional(
      Type.Object(Object.fromEntries(HOOK_NAMES.map((name) => [name, Type.Optional(Hook)])), {
        ...closed,
        description: 'Commands by which the target’s parts can be stopped and started',
      }),
    ),
    consent: Type.Optional(
      Type.Object(
        {
          host: text('The host of the URL, typed again: consent to what --allow-writes or --allow-destructive allows'),
        },
        closed,
      ),
    ),
    load: Type.Optional(
      Type.Object(
        {
          requests_per_s_max: Type.Optional(
            // Less than one a second k6 cannot hold.
            Type.Number({ description: 'Requests a second of all generators together', minimum: 1 }),
          ),
          users_max: Type.Optional(Type.Integer({ description: 'Users at the same time', minimum: 1 })),
          stop_at_5xx_share: Type.Optional(
            Type.Number({
              description: 'The load is stopped at this share of 5xx answers, 0 to 1',
              exclusiveMinimum: 0,
              maximum: 1,
            }),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
)
export type UrlTarget = Omit<Static<typeof UrlTargetSchema>, 'hooks'> & {
  hooks?: Record<string, Static<typeof Hook>>
}

export const CommandTargetSchema = Type.Object(
  {
    kind: Type.Literal('command', { description: 'A Conman program that the harness starts on a stack of its own' }),
    command: Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String(), { minItems: 1 })], {
      description: 'The program and its arguments, as words or as one text; no shell reads it',
    }),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
        description: 'Variables for the program, on top of those of the stack',
        additionalProperties: false,
      }),
    ),
    secret_files: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
        path('A file that holds nothing but the value'),
        {
          description: 'Variables for the program whose values are secrets: the file of each',
          additionalProperties: false,
        },
      ),
    ),
    mongo_path: Type.Optional(
      Type.Union([Type.Literal('proxied'), Type.Literal('direct')], {
        description: 'Whether its MongoDB driver goes through the stack’s SOCKS5 relay (default: it is observed)',
      }),
    ),
    source: Type.Optional(path('The folder with its source')),
  },
  closed,
)
export type CommandTarget = Static<typeof CommandTargetSchema>

export type FileTarget = UrlTarget | CommandTarget

export interface ConfigFile {
  default?: string
  targets: Record<string, FileTarget>
}

export const ConfigSchema: TSchema = Type.Object(
  {
    default: Type.Optional(text('The target that is taken when --target names none')),
    targets: Type.Unsafe({
      type: 'object',
      description: 'Targets by the name that stands after --target',
      minProperties: 1,
      propertyNames: { pattern: TARGET_NAME, not: { const: 'reference' } },
      additionalProperties: {
        type: 'object',
        required: ['kind'],
        discriminator: { propertyName: 'kind' },
        oneOf: [UrlTargetSchema, CommandTargetSchema],
      },
    }),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'readiness.config.yaml: the Conmans that ./readiness can be aimed at',
    additionalProperties: false,
  },
)
