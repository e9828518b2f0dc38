// Merges what `PATCH /collections/{c}` asks for into a collection's config: what the patch does not
// name stays as it is.

import type {
  CollectionConfig,
  HnswConfigDiff,
  QuantizationConfig,
  VectorParams,
} from '../model/collection-config.ts';
import { mergePayload } from '../model/payload-ops.ts';
import type { CollectionPatch, VectorParamsPatch } from './commands.ts';

/** The config after a patch that fits it. */
export function patchConfig(config: CollectionConfig, patch: CollectionPatch): CollectionConfig {
  const strictMode = mergedText(config.strict_mode_config, patch.strictMode);
  const metadata = mergedText(config.metadata, patch.metadata);
  return {
    ...config,
    params: { ...config.params, ...patch.params, vectors: patchVectors(config, patch) },
    hnsw_config: { ...config.hnsw_config, ...patch.hnsw },
    optimizer_config: { ...config.optimizer_config, ...patch.optimizers },
    quantization_config:
      patch.quantization === undefined
        ? config.quantization_config
        : enabledQuantization(patch.quantization),
    ...(strictMode === undefined ? {} : { strict_mode_config: strictMode }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function enabledQuantization(
  quantization: QuantizationConfig | 'Disabled',
): QuantizationConfig | null {
  return quantization === 'Disabled' ? null : quantization;
}

/** Top-level members of `patch` replace those of `old`; a member `null` removes that key. */
function mergedText(old: string | undefined, patch: string | undefined): string | undefined {
  if (patch === undefined) return old;
  const encoder = new TextEncoder();
  const merged = mergePayload(encoder.encode(old ?? '{}'), encoder.encode(patch), null);
  return new TextDecoder().decode(merged);
}

function patchVectors(
  config: CollectionConfig,
  patch: CollectionPatch,
): CollectionConfig['params']['vectors'] {
  const { vectors } = config.params;
  if (patch.vectors === undefined) return vectors;
  if ('single' in vectors) {
    return { single: patchVector(vectors.single, patch.vectors.get('')) };
  }
  const named = [...vectors.named].map(
    ([name, params]) => [name, patchVector(params, patch.vectors?.get(name))] as const,
  );
  return { named: new Map(named) };
}

function patchVector(params: VectorParams, patch: VectorParamsPatch | undefined): VectorParams {
  if (patch === undefined) return params;
  const { quantization_config: oldQuantization, ...rest } = params;
  const quantization =
    patch.quantization_config === undefined
      ? (oldQuantization ?? null)
      : enabledQuantization(patch.quantization_config);
  const hnsw: HnswConfigDiff = { ...params.hnsw_config, ...patch.hnsw_config };
  return {
    ...rest,
    ...(patch.on_disk === undefined ? {} : { on_disk: patch.on_disk }),
    ...(Object.keys(hnsw).length === 0 ? {} : { hnsw_config: hnsw }),
    ...(quantization === null ? {} : { quantization_config: quantization }),
  };
}
