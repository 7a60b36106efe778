// The counters of every load script, by the names under which Node finds them. Imported by k6 and by Node: no imports here.

export const COUNTERS = {
  attempted: 'load_attempted',
  exceptions: 'load_exceptions',
  finished: 'load_iterations_finished',
  /** Answers of 429, each sent again after the wait that it asks for. */
  throttled: 'load_answers_429',
} as const
