/**
 * User-defined functions that speak Kapacitor's UDF protocol: write, serve and drive them.
 *
 * @module
 */

export { Agent, type AgentCounts, type AgentOptions } from "./agent.ts";
export { AgentServer, type AgentServerOptions, type ConnectionListener } from "./agent_server.ts";
export { type Batch, Batcher, type BatcherOptions } from "./batcher.ts";
export { assignGroup, groupId, type GroupKey, groupOfBatch, groupOfPoint, sortDimensions } from "./group.ts";
export { BUNDLED_HANDLERS, loadBundledHandler } from "./handlers/mod.ts";
export { Host, type HostCounts, type HostOptions, type Receiver } from "./host.ts";
export { type RunningUdf, startInProcess } from "./running_udf.ts";
export type { InfoResponse } from "./messages.ts";
export { describeOptions, parseSettings } from "./option_settings.ts";
export { Point } from "./point.ts";
export type * from "./udf_types.ts";
export { startProcess } from "./udf_process.ts";
export { connectSocket, type SocketAddress } from "./udf_socket.ts";
export { type InheritedListener, listenInherited } from "./inherited_listener.ts";
export { listenUnix, type UnixListener } from "./unix_listener.ts";
export { createPointWriter, type OutputFormat, type PointWriter } from "./format/point_writer.ts";
export { type InputFormat, type PointReader, readPoints, type ReadPointsOptions } from "./format/point_reader.ts";
export { type Connection, stdioConnection } from "../wire/connection.ts";
export { pipe } from "../wire/pipe.ts";
export { TineError, WireError } from "../base/errors.ts";
