// Words as one text that a shell and CONMAN_SERVER_CMD read alike: each in quotation marks where it needs them, and no
// backslash, which only a shell would obey.

export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`
}
