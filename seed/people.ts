// The people that a run makes. Pure: whoever knows the admin's password can log in as one of them again, and nothing need
// be stored for that.

import { createHmac } from 'node:crypto'
import { mailOf } from '../harness/prefix.ts'

export interface Person {
  email: string
  name: string
  password: string
}

/** The same person for the same prefix and number. */
export function person(prefix: string, number: number, adminPassword: string): Person & { role: 'user' } {
  const email = mailOf(prefix, `user-${String(number).padStart(4, '0')}`)
  return { email, name: `Readiness User ${number}`, password: passwordOf(email, adminPassword), role: 'user' }
}

/** Cannot be guessed by who does not know the admin's. */
export function passwordOf(email: string, adminPassword: string): string {
  return createHmac('sha256', adminPassword).update(email).digest('base64url').slice(0, 24)
}
