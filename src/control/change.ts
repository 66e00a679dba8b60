/** One difference; `object` is a path such as `services.web.reals.10.0.0.11.weight`. JSON of `plan --json`. */
export interface Change {
  action: 'add' | 'remove' | 'change'
  object: string
  before: unknown
  after: unknown
}

export const add = (object: string, after: unknown): Change => ({ action: 'add', object, before: null, after })

export const remove = (object: string, before: unknown): Change => ({ action: 'remove', object, before, after: null })

/** Nothing when the two are equal as JSON. */
export function change(object: string, before: unknown, after: unknown): Change[] {
  if (before === after || JSON.stringify(before) === JSON.stringify(after)) return []
  return [{ action: 'change', object, before, after }]
}
