// How long every load warms up. Imported by k6 and by Node: no imports here.

/** Longer than a warm-up round takes on a slow server: the measured window starts on a quiet one. */
export const WARM_UP_S = 4
