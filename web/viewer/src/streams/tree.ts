// Streams as a tree by the segments of their names: folders where there are several of one beginning. Pure.

import type { StreamInfo } from "tailcast-client";
import type { Item } from "./item.ts";

interface Node {
  /** From the root, without a slash at its end. */
  readonly path: string;
  readonly children: Map<string, Node>;
  stream?: StreamInfo;
  streams: number;
  rate: number;
}

/** @param streams in the order in which they are to stand. @param opened the paths of folders whose streams are shown. */
export function treeOf(streams: readonly StreamInfo[], opened: ReadonlySet<string>): Item[] {
  const root = nodeAt("");
  for (const stream of streams) put(root, stream);
  return itemsOf(root, opened, 0);
}

function nodeAt(path: string): Node {
  return { path, children: new Map(), streams: 0, rate: 0 };
}

function put(root: Node, stream: StreamInfo): void {
  let node = root;
  count(node, stream);
  for (const segment of stream.name.split("/")) {
    let next = node.children.get(segment);
    if (!next) node.children.set(segment, (next = nodeAt(node.path ? `${node.path}/${segment}` : segment)));
    node = next;
    count(node, stream);
  }
  node.stream = stream;
}

function count(node: Node, { linesPerSecond }: StreamInfo): void {
  node.streams += 1;
  node.rate += linesPerSecond;
}

function itemsOf(parent: Node, opened: ReadonlySet<string>, depth: number): Item[] {
  const within = (path: string) => (parent.path ? path.slice(parent.path.length + 1) : path);
  return [...parent.children.values()].flatMap((child): Item[] => {
    const node = straight(child);
    if (node.streams === 1 && node.stream) {
      const { stream } = node;
      return [{ names: [stream.name], title: within(stream.name), stream, depth }];
    }
    const open = opened.has(node.path);
    const folder = { path: node.path, streams: node.streams, rate: node.rate, open };
    const row: Item = { names: [`${node.path}/**`], title: `${within(node.path)}/`, folder, depth };
    const own = node.stream && { names: [node.stream.name], title: ".", stream: node.stream, depth: depth + 1 };
    return open ? [row, ...(own ? [own] : []), ...itemsOf(node, opened, depth + 1)] : [row];
  });
}

/** A folder in which there is nothing but another one is no folder of its own. */
function straight(node: Node): Node {
  const [only] = node.children.values();
  return !node.stream && node.children.size === 1 && only ? straight(only) : node;
}
