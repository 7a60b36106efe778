// Makes visible what a terminal or a browser would obey or swallow: bidi controls reorder a line, zero-width characters
// hide in it, escape sequences repaint it. Whatever a target answers is shown through this.

// Cc, Cf, Zl and Zp cover controls, bidi and separators; the default-ignorable set adds fillers, variation selectors and
// tags; private use, surrogates and noncharacters have no agreed picture; U+2800 is a blank that is not a space.
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]/gu
const UNSEEN_IN_A_PARAGRAPH =
  /[\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]|(?![\n\t])\p{Cc}/gu
// Four marks on one letter is more than any living script needs; beyond that they paint over the neighbouring rows.
const STACKED_MARKS = /(\p{M}{4})(\p{M}+)/gu

function named(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return `⟦U+${code.toString(16).toUpperCase().padStart(4, '0')}⟧`
}

function unstacked(text: string): string {
  return text.replace(STACKED_MARKS, (_all, kept: string, rest: string) => `${kept}⟦${[...rest].length} more marks⟧`)
}

/** For one line: a line break is made visible too, so that no value can start a line of its own. */
export function visibleLine(text: string): string {
  return unstacked(text.replace(UNSEEN, named))
}

/** For HTML, where a line break or a tab is only white space. */
export function visible(text: string): string {
  return unstacked(text.replace(UNSEEN_IN_A_PARAGRAPH, named))
}

/** Cuts what nobody reads to the end, and says how much is gone. */
export function clip(text: string, characters: number): string {
  if (text.length <= characters) return text
  // A cut between two halves of one character would leave a half that the page shows as an unknown one.
  const end = /[\uD800-\uDBFF]/.test(text[characters - 1] ?? '') ? characters - 1 : characters
  return `${text.slice(0, end)}… (${text.length - end} more characters)`
}
