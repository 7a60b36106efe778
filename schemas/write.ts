// Writes the JSON schemas of the harness's public files, from the definitions that the code itself uses.

import { writeFileSync } from 'node:fs'
import { VerdictsSchema } from '../harness/result.ts'

writeFileSync(new URL('verdicts.schema.json', import.meta.url), `${JSON.stringify(VerdictsSchema, null, 2)}\n`)
