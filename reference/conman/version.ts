/** The version that `--version`, health and the API description report. */
export const VERSION = '0.1.0'
