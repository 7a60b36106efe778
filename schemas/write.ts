// Writes the JSON schemas of the harness's public files, from the definitions that the code itself uses.

import { writeFileSync } from 'node:fs'
import { ConfigSchema } from '../harness/config/schema.ts'
import { ForecastSchema } from '../harness/forecast.ts'
import { VerdictsSchema } from '../harness/result.ts'

for (const [name, schema] of Object.entries({ verdicts: VerdictsSchema, forecast: ForecastSchema, config: ConfigSchema })) {
  writeFileSync(new URL(`${name}.schema.json`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`)
}
