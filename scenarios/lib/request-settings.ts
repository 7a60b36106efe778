// What Node hands to the requesting script of the benchmark. Types only.

export interface RequestSettings {
  baseUrl: string
  connections: number
  /** How long to go round the requests, as fast as they are answered; 0 sends each of them once. */
  durationS: number
  requests: { method: 'GET' | 'POST'; path: string; token?: string; body?: unknown }[]
  name: string
}
