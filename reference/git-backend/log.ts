// Log lines: one JSON object a line on stdout.

export type Level = 'info' | 'warn' | 'error'

export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void

export const log: Log = (level, message, fields = {}) => {
  process.stdout.write(`${JSON.stringify({ timestamp: new Date().toISOString(), level, message, ...fields })}\n`)
}
