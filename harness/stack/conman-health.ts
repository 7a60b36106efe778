// One look at a Conman's health while it starts, in words: ‘healthy’, or what stands in the way. It may be any program that
// answers there, so what it says is bounded, not followed, and never an error.

const ANSWER_WITHIN_MS = 5_000

/** Conman's own health has under a kilobyte. */
const BODY_BYTES_MAX = 64 * 1024
const COMPONENTS_SHOWN_MAX = 20
const WORD_CHARACTERS_MAX = 100

/** `healthy` when it answers 200 and names at least one component, and each is healthy. */
export async function lookAtHealth(baseUrl: string): Promise<string> {
  let status: number
  let text: string
  try {
    const response = await fetch(`${baseUrl}/api/health`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    })
    status = response.status
    text = await textOf(response)
  } catch (error) {
    return whyNoAnswer(error, baseUrl)
  }
  const components = componentsOf(text)
  if (components === undefined) return `HTTP ${status}, and not Conman's health`
  const sick = components.filter((component) => component.status !== 'healthy')
  if (sick.length === 0 && status === 200 && components.length > 0) return 'healthy'
  const said = sick.slice(0, COMPONENTS_SHOWN_MAX).map(({ name, status }) => `${name} is ${status}`)
  return `HTTP ${status}: ${said.length > 0 ? said.join(', ') : `${components.length} components, none of them unhealthy`}`
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    // Leaving the loop ends the connection.
    if (size > BODY_BYTES_MAX) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function componentsOf(text: string): { name: string; status: string }[] | undefined {
  try {
    const { components } = JSON.parse(text) as { components?: unknown }
    if (!Array.isArray(components)) return undefined
    return components.map((one: { name?: unknown; status?: unknown } | null) => ({
      name: word(one?.name),
      status: word(one?.status),
    }))
  } catch {
    return undefined
  }
}

function word(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, WORD_CHARACTERS_MAX) : 'nameless'
}

function whyNoAnswer(error: unknown, baseUrl: string): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } }
  if (name === 'TimeoutError') return `no answer within ${ANSWER_WITHIN_MS / 1000} s`
  if (cause?.code === 'ECONNREFUSED') {
    return `nothing listens on ${new URL(baseUrl).host} (it was told so by CONMAN_HOST and CONMAN_PORT)`
  }
  return `no answer: ${cause?.message ?? String(error)}`
}
