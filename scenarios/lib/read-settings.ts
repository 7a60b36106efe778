// What Node hands to the reading script of the benchmark. Types only.

export interface ReadSettings {
  baseUrl: string
  /** 0: every read as fast as the last one ended. */
  connections: number
  durationS: number
  targets: { token: string; path: string }[]
  name: string
}
