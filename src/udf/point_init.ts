/** The value of a field. */
export type FieldValue = number | bigint | string | boolean;

/** What a new point holds; left out: zero, empty or false. */
export interface PointInit {
  /** ns since the epoch */
  time?: bigint;
  /** The measurement. */
  name?: string;
  database?: string;
  retentionPolicy?: string;
  /** The id of the group, see {@linkcode groupId}. */
  group?: string;
  /** The tags that make the group, sorted. */
  dimensions?: string[];
  tags?: Map<string, string>;
  fieldsDouble?: Map<string, number>;
  fieldsInt?: Map<string, bigint>;
  fieldsString?: Map<string, string>;
  /** Whether the name is part of the group. */
  byName?: boolean;
  fieldsBool?: Map<string, boolean>;
}
