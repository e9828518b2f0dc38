// Sections: keys under one heading, and optional groups of keys of which only those given exist. A
// section reads a table into an object and collects what is wrong; nothing stops at the first
// warning, but the first fault ends the reading.

import type { ConfigNode, ConfigTable } from './config-tree.ts';
import type { Field } from './field.ts';
import { Fault, mismatch } from './field.ts';

export interface Section<Shape extends SectionShape = SectionShape> {
  readonly kind: 'section';
  readonly shape: Shape;
  /** Old name of a key → its name. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** A section that is null unless given, and then holds only the keys that were given. */
export interface OptionalGroup<Shape extends SectionShape = SectionShape> {
  readonly kind: 'group';
  readonly section: Section<Shape>;
}

/** Free keys, all with the same group of keys under them; null unless given. */
export interface GroupMap<Shape extends SectionShape = SectionShape> {
  readonly kind: 'group-map';
  readonly section: Section<Shape>;
}

export type Entry = Field<unknown> | Section | OptionalGroup | GroupMap;

export interface SectionShape {
  readonly [key: string]: Entry;
}

export type ValueOf<Given> =
  Given extends Field<infer Value>
    ? Value
    : Given extends Section<infer Shape>
      ? SectionValue<Shape>
      : Given extends OptionalGroup<infer Shape>
        ? Partial<SectionValue<Shape>> | null
        : Given extends GroupMap<infer Shape>
          ? Readonly<Record<string, Partial<SectionValue<Shape>>>> | null
          : never;

export type SectionValue<Shape extends SectionShape> = {
  readonly [Key in keyof Shape]: ValueOf<Shape[Key]>;
};

export function section<const Shape extends SectionShape>(
  shape: Shape,
  aliases: Readonly<Record<string, keyof Shape & string>> = {},
): Section<Shape> {
  return { kind: 'section', shape, aliases: new Map(Object.entries(aliases)) };
}

export function optionalGroup<Shape extends SectionShape>(
  of: Section<Shape>,
): OptionalGroup<Shape> {
  return { kind: 'group', section: of };
}

export function groupMap<Shape extends SectionShape>(of: Section<Shape>): GroupMap<Shape> {
  return { kind: 'group-map', section: of };
}

/** What was found while reading; `path` is dotted. */
export interface Findings {
  /** `- path: value V invalid, …` lines. */
  readonly complaints: string[];
  /** Set once: why the configuration cannot be used. */
  fault: string | null;
}

/** The section's value with everything that `node` gives; `node` undefined means all defaults. */
export function readSection<Shape extends SectionShape>(
  of: Section<Shape>,
  node: ConfigNode | undefined,
  path: string,
  findings: Findings,
): SectionValue<Shape> {
  const table = tableAt(node, path, findings);
  const value: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(of.shape)) {
    value[key] = readEntry(entry, table?.entries.get(key), join(path, key), findings);
  }
  return value as SectionValue<Shape>;
}

/**
 * One source made fit for laying over others: old key names replaced, and everything that stands
 * where a section belongs is one. A heading with nothing under it (YAML: null) is left out, so that
 * it takes nothing away from the sources below.
 */
export function normalise(
  of: Section,
  table: ConfigTable,
  path: string,
  findings: Findings,
): ConfigTable {
  const entries = new Map<string, ConfigNode>();
  for (const [key, node] of table.entries) {
    const name = of.aliases.get(key) ?? key;
    // Within one source the key's own name wins over its old one.
    if (name !== key && table.entries.has(name)) continue;
    const entry = entryNamed(of, name);
    if (entry?.kind === 'section') {
      const below = tableAt(node, join(path, name), findings);
      if (below !== undefined) {
        entries.set(name, normalise(entry, below, join(path, name), findings));
      }
    } else if (entry?.kind === 'group' && node.kind === 'table') {
      entries.set(name, normalise(entry.section, node, join(path, name), findings));
    } else {
      entries.set(name, node);
    }
  }
  return { kind: 'table', entries, origin: table.origin };
}

function entryNamed(of: Section, key: string): Entry | undefined {
  return Object.hasOwn(of.shape, key) ? of.shape[key] : undefined;
}

function readEntry(
  entry: Entry,
  node: ConfigNode | undefined,
  path: string,
  findings: Findings,
): unknown {
  switch (entry.kind) {
    case 'field':
      return readField(entry, node, path, findings);
    case 'section':
      return readSection(entry, node, path, findings);
    case 'group':
      return readGroup(entry.section, node, path, findings);
    case 'group-map': {
      const table = tableAt(node, path, findings);
      if (table === undefined) return null;
      const groups = [...table.entries].map(
        ([key, inner]) =>
          [key, readGroup(entry.section, inner, join(path, key), findings) ?? {}] as const,
      );
      return Object.fromEntries(groups);
    }
  }
}

function readField(
  field: Field<unknown>,
  node: ConfigNode | undefined,
  path: string,
  findings: Findings,
): unknown {
  if (node === undefined) return field.default;
  const value = field.read(node);
  if (value instanceof Fault) {
    findings.fault ??= faultText(value, path, node.origin);
    return field.default;
  }
  const complaint = field.complain(value);
  if (complaint !== null) findings.complaints.push(`- ${path}: ${complaint}`);
  return value;
}

function readGroup(
  of: Section,
  node: ConfigNode | undefined,
  path: string,
  findings: Findings,
): Record<string, unknown> | null {
  const table = tableAt(node, path, findings);
  if (table === undefined) return null;
  const value: Record<string, unknown> = {};
  for (const [key, inner] of table.entries) {
    const entry = entryNamed(of, key);
    if (entry === undefined || (inner.kind === 'leaf' && inner.value === null)) continue;
    value[key] = readEntry(entry, inner, join(path, key), findings);
  }
  return value;
}

/** A heading with nothing under it (YAML: null) gives nothing; another scalar is a fault. */
function tableAt(
  node: ConfigNode | undefined,
  path: string,
  findings: Findings,
): ConfigTable | undefined {
  if (node === undefined || (node.kind === 'leaf' && node.value === null)) return undefined;
  if (node.kind === 'table') return node;
  findings.fault ??= faultText(mismatch(node, 'a section with keys'), path, node.origin);
  return undefined;
}

function faultText(fault: Fault, path: string, origin: string): string {
  return `${fault.reason} for key \`${path}\` in ${origin}`;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
