import { camelCase } from '../../src/btf/layout.js'

/** `lb_conn_key` → `ConnKey`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name.replace(/^lb_/, ''))
  return camel.charAt(0).toUpperCase() + camel.slice(1)
}
