import type { Lang, RegexEngine } from '../regex/index.ts';

/** RFC 3339 full-date: days of the month and leap years are exact. */
export function fullDate(engine: RegexEngine): Lang {
  const leap = '(?:[02468][048]|[13579][26])';
  const leapYear = `(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|${leap}00)`;
  return engine.parse(
    `\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))|${leapYear}-02-29`,
  );
}

/** RFC 3339 full-time; second 60 only where it is 23:59:60 in UTC. */
export function fullTime(engine: RegexEngine): Lang {
  const plain = engine.parse(
    '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)',
  );
  const hour = engine.parse('[01]\\d|2[0-3]');
  const minute = engine.parse('[0-5]\\d');
  const seconds = engine.parse(':60(?:\\.\\d+)?');
  const colon = engine.literal(':');
  const ahead = engine.concat(seconds, engine.literal('+'));
  const behind = engine.concat(seconds, engine.literal('-'));
  const numbers = Array.from({ length: 60 }, (_, i) => engine.literal(String(i).padStart(2, '0')));
  const number = (value: number): Lang => numbers[value] ?? engine.empty;
  const union = (count: number, member: (i: number) => Lang): Lang =>
    engine.union(...Array.from({ length: count }, (_, i) => member(i)));

  // Behind UTC: hour + offset = 23 and minute + offset = 59. Ahead: local time is the offset less one minute, modulo a day.
  const hoursBehind = union(24, (h) => engine.concat(number(h), colon, minute, behind, number(23 - h), colon, minute));
  const minutesBehind = union(60, (m) => engine.concat(hour, colon, number(m), behind, hour, colon, number(59 - m)));
  const hoursAhead = union(24, (h) => engine.concat(number(h), colon, minute, ahead, number(h), colon, minute));
  const minutesAhead = union(59, (m) => engine.concat(hour, colon, number(m), ahead, hour, colon, number(m + 1)));
  const nextHour = union(24, (h) =>
    engine.concat(number(h), engine.literal(':59'), ahead, number((h + 1) % 24), engine.literal(':00')),
  );
  return engine.union(
    plain,
    engine.concat(engine.literal('23:59'), seconds, engine.parse('[Zz]')),
    engine.intersect(hoursBehind, minutesBehind),
    engine.intersect(hoursAhead, minutesAhead),
    nextHour,
  );
}

/** Appendix A of RFC 3339 (ISO 8601 durations without fractions). */
export const DURATION =
  'P(?:\\d+W|(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)(?:T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S))?|T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S))';
