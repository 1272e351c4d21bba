import { t } from '@grafana/i18n';

import { As, By, Filter, Label, Of, Over, Question } from './types';

/** A choice in words: what is chosen, and a line that explains it. */
export interface Word {
  label: string;
  description?: string;
}

// Functions, since the language is known only once the translations are loaded.

const questions: Record<Question, () => Word> = {
  darkShare: () => ({
    label: t('question.dark-share', 'Dark share'),
    description: t('question.dark-share-how', 'How much of the traffic is shared in private'),
  }),
  visits: () => ({
    label: t('question.visits', 'Visits'),
    description: t('question.visits-how', 'Who sends them, and how we know'),
  }),
  topPages: () => ({
    label: t('question.top-pages', 'Top pages'),
    description: t('question.top-pages-how', 'Visits, dark share, shares and change'),
  }),
  shares: () => ({
    label: t('question.shares', 'Shares'),
    description: t('question.shares-how', 'Links pasted into apps'),
  }),
  direct: () => ({
    label: t('question.direct', 'What analytics calls “Direct”'),
    description: t('question.direct-how', 'Private, typed, or impossible to tell'),
  }),
  conversions: () => ({
    label: t('question.conversions', 'Conversions'),
    description: t('question.conversions-how', 'What reaches a goal, by who sent it'),
  }),
  shift: () => ({
    label: t('question.shift', 'Shifts'),
    description: t('question.shift-how', 'How far from what this hour usually shows'),
  }),
};

const ofs: Record<Of, () => Word> = {
  all: () => ({ label: t('of.all', 'all visits') }),
  social: () => ({
    label: t('of.social', 'social visits'),
    description: t('of.social-how', 'Shared in private or on public networks'),
  }),
};

const ways: Record<As, () => Word> = {
  count: () => ({ label: t('as.count', 'number') }),
  rate: () => ({ label: t('as.rate', 'number per hour') }),
  share: () => ({ label: t('as.share', 'share'), description: t('as.share-how', 'Of the whole, in percent') }),
};

const spans: Record<Over, () => Word> = {
  time: () => ({ label: t('over.time', 'over time') }),
  range: () => ({
    label: t('over.range', 'in total'),
    description: t('over.range-how', 'One number for the range'),
  }),
};

const labels: Record<Exclude<By, ''> | Label, () => string> = {
  site: () => t('label.site', 'site'),
  section: () => t('label.section', 'section'),
  device: () => t('label.device', 'device'),
  channel: () => t('label.channel', 'channel'),
  source: () => t('label.source', 'source'),
  evidence: () => t('label.evidence', 'evidence'),
  app: () => t('label.app', 'app'),
  scope: () => t('label.scope', 'who sees it'),
  page: () => t('label.page', 'page'),
  goal: () => t('label.goal', 'goal'),
};

const explained: Partial<Record<By, () => string>> = {
  channel: () => t('label.channel-how', 'Who sent the visit'),
  source: () => t('label.source-how', 'The app or site'),
  evidence: () => t('label.evidence-how', 'How we know'),
  scope: () => t('label.scope-how', 'Whether the app shows links in private or in public'),
};

const filters: Record<Filter, () => string> = {
  site: () => t('filter.site', 'Only the sites'),
  section: () => t('filter.section', 'Only the sections'),
  page: () => t('filter.page', 'Only the pages'),
  device: () => t('filter.device', 'Only the devices'),
  channel: () => t('filter.channel', 'Only the channels'),
  source: () => t('filter.source', 'Only the sources'),
};

// The words of the exporter's own page (exporter/overview/en.yaml, fr.yaml).
const values: Partial<Record<Label, Record<string, () => string>>> = {
  channel: {
    dark_social: () => t('channel.dark-social', 'Private sharing'),
    direct: () => t('channel.direct', 'Typed or bookmarked'),
    search: () => t('channel.search', 'Search'),
    social: () => t('channel.social', 'Public social networks'),
    ai: () => t('channel.ai', 'AI assistants'),
    email: () => t('channel.email', 'Newsletters'),
    paid: () => t('channel.paid', 'Ads'),
    referral: () => t('channel.referral', 'Other sites'),
    unknown: () => t('channel.unknown', 'Nobody can tell'),
  },
  device: {
    desktop: () => t('device.desktop', 'Desktop'),
    mobile: () => t('device.mobile', 'Mobile'),
    tablet: () => t('device.tablet', 'Tablet'),
    other: () => t('device.other', 'Other device'),
  },
};

const shiftSpans: Record<Over, () => Word> = {
  time: () => ({
    label: t('over.shift-time', 'as a line'),
    description: t('over.shift-time-how', 'With its usual band'),
  }),
  range: () => ({
    label: t('over.shift-range', 'as a list'),
    description: t('over.shift-range-how', 'Each with a sentence'),
  }),
};

// What a saved query has that there is not is called what it is.
export const questionWord = (q: Question): Word => questions[q]?.() ?? { label: q };
export const ofWord = (of: Of): Word => ofs[of]?.() ?? { label: of };
export const asWord = (as: As): Word => ways[as]?.() ?? { label: as };
export const overWord = (over: Over, question: Question): Word =>
  (question === 'shift' ? shiftSpans : spans)[over]?.() ?? { label: over };
/** What a label is called; the label itself where it has no word. */
export const labelWord = (label: string): string => labels[label as Label]?.() ?? label;
export const filterWord = (f: Filter): string => filters[f]();
/** What a label's value is called; names of sites, pages and apps are their own. */
export const valueWord = (label: string, value: string): string => values[label as Label]?.[value]?.() ?? value;

/** The split in words; one that has none is shown as it is. */
export function byWord(by: By): Word {
  return by === '' ? { label: t('by.none', 'nothing') } : { label: labelWord(by), description: explained[by]?.() };
}
