// Routes without an app: health, metrics, the description of the API, sessions, one's own preferences.

import { at, type Call, nothing, one } from './call.ts'
import type { Fields } from './fields.ts'

export interface Session {
  token: string
  userId: string
  email: string
}

/** None of the first four has the envelope: their answers are read as they are, with `Conman.answer`. */
export const health = (): Call<void> => ({
  what: 'reading the health',
  method: 'GET',
  ...at('/api/health'),
  decode: nothing,
})

export const metrics = (): Call<void> => ({
  what: 'reading the metrics',
  method: 'GET',
  ...at('/api/metrics'),
  decode: nothing,
})

export const description = (): Call<void> => ({
  what: 'reading the description of the API',
  method: 'GET',
  ...at('/api/openapi.json'),
  decode: nothing,
})

/** A page for people. */
export const documentation = (): Call<void> => ({
  what: 'reading the documentation of the API',
  method: 'GET',
  ...at('/api/docs'),
  decode: nothing,
})

export const login = (email: string, password: string): Call<Session> => ({
  what: `logging in as ${email}`,
  method: 'POST',
  ...at('/api/auth/login'),
  body: { email, password },
  decode: one('a session', sessionOf),
})

export const logout = (): Call<void> => ({
  what: 'logging out',
  method: 'POST',
  ...at('/api/auth/logout'),
  decode: nothing,
})

/** The token, where the target gives it to whoever asks (HD21: it must not). */
export const forgotPassword = (email: string): Call<string | null> => ({
  what: `asking for a new password of ${email}`,
  method: 'POST',
  ...at('/api/auth/forgot-password'),
  body: { email },
  decode: (data) => (data === undefined ? null : one('a message', (row) => row.textOrNull('reset_token'))(data)),
})

export const resetPassword = (token: string, password: string): Call<void> => ({
  what: 'setting a new password',
  method: 'POST',
  ...at('/api/auth/reset-password'),
  body: { token, new_password: password },
  decode: nothing,
})

/** Whether one gets mails. To be read once before it is changed (HD28). */
export const preferences = (): Call<{ emailEnabled: boolean }> => ({
  what: 'reading the own preferences',
  method: 'GET',
  ...at('/api/me/notification-preferences'),
  decode: one('preferences', preferencesOf),
})

export const changePreferences = (emailEnabled: boolean): Call<{ emailEnabled: boolean }> => ({
  what: 'changing the own preferences',
  method: 'PATCH',
  ...at('/api/me/notification-preferences'),
  body: { email_enabled: emailEnabled },
  decode: one('preferences', preferencesOf),
})

function preferencesOf(row: Fields): { emailEnabled: boolean } {
  return { emailEnabled: row.flag('email_enabled') }
}

export function sessionOf(row: Fields): Session {
  const user = row.object('user')
  return { token: row.text('token'), userId: user.text('id'), email: user.text('email') }
}
