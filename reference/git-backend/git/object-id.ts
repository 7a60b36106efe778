// Object ids as git prints them: 40 lower-case hexadecimal digits.

export const ZERO_OID = '0'.repeat(40)
export const EMPTY_TREE_OID = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

export type ObjectKind = 'blob' | 'tree' | 'commit' | 'tag'

export function isObjectId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text)
}
