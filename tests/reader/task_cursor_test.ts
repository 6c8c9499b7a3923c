import { assertEquals, assertThrows, assertTrue } from "../assert.ts";
import { DataError } from "../../src/errors.ts";
import { shuffled, type Task, TaskCursor } from "../../src/reader/mod.ts";

function makeTasks(count: number): Task[] {
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    query: `question ${index}`,
    metadata: {},
    split: "train",
  }));
}

function ids(tasks: readonly Task[]): string[] {
  return tasks.map(({ id }) => id);
}

Deno.test("shuffled() is a permutation that its seed decides, and leaves its input alone", () => {
  const items = Array.from({ length: 100 }, (_, index) => index);
  const once = shuffled(items, 7);
  assertEquals(once, shuffled(items, 7));
  assertTrue(once.join() !== shuffled(items, 8).join());
  assertEquals(once.toSorted((a, b) => a - b), items);
  assertEquals(items[99], 99);
});

Deno.test("shuffled() sends each item to each place about equally often", () => {
  const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
  for (let seed = 0; seed < 4000; seed++) {
    shuffled([0, 1, 2, 3], seed).forEach((item, at) => counts[item]![at]!++);
  }
  for (const count of counts.flat()) {
    assertTrue(Math.abs(count - 1000) < 150, `counts ${counts}`);
  }
});

Deno.test("TaskCursor.next() hands out every task once an epoch, in a new order each epoch", () => {
  const cursor = new TaskCursor(makeTasks(10), { seed: 3 });
  const first = ids(cursor.next(10));
  const second = ids(cursor.next(10));
  assertEquals(first.toSorted(), second.toSorted());
  assertTrue(first.join() !== second.join());
});

Deno.test("TaskCursor.next() crosses epochs in mid-batch", () => {
  const cursor = new TaskCursor(makeTasks(3), { shuffle: false });
  assertEquals(ids(cursor.next(7)), ["0", "1", "2", "0", "1", "2", "0"]);
  assertEquals(cursor.state(), { epoch: 2, position: 1, size: 3 });
});

Deno.test("TaskCursor.restore() continues as if nothing had happened", () => {
  const whole = new TaskCursor(makeTasks(10), { seed: 5 });
  const expected = Array.from({ length: 8 }, () => ids(whole.next(4)));

  const before = new TaskCursor(makeTasks(10), { seed: 5 });
  for (let step = 0; step < 5; step++) before.next(4);
  const state = JSON.parse(JSON.stringify(before.state()));
  const after = new TaskCursor(makeTasks(10), { seed: 5 });
  after.restore(state);
  const rest = Array.from({ length: 3 }, () => ids(after.next(4)));
  assertEquals(rest, expected.slice(5));
});

Deno.test("TaskCursor.restore() refuses a state taken over another data set", () => {
  const cursor = new TaskCursor(makeTasks(10));
  assertThrows(
    () => cursor.restore({ epoch: 0, position: 4, size: 12 }),
    DataError,
    "12 training tasks when the checkpoint was written and has 10 now",
  );
});

Deno.test("TaskCursor refuses an empty data set", () => {
  assertThrows(() => new TaskCursor([]), DataError, "no tasks");
});
