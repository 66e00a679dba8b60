/** A duration in milliseconds as people read it: `1 s`, `1.5 s`, `250 ms`. */
export function durationText(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms) / 1000} s`
}
