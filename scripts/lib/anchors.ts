import type { Btf } from '../../src/btf/btf.js'

/**
 * Ids of the types that `const struct { … } lb_types` of bpf/xdp_lb.c names, in its order: the types themselves
 * stand in BTF in the order of their first use, which any change of the programs may change.
 */
export function anchors(btf: Btf): number[] {
  const variable = btf.find('var', 'lb_types')
  const type = variable === undefined ? undefined : btf.resolve(variable.type)
  if (type?.kind !== 'struct') throw new Error('the object has no struct lb_types, which names the types to generate')
  return type.members.map((member) => member.type)
}
