/** What colours and silences mean, the same on every dashboard. */
import { Text } from './text';
import { COLOURS } from './words';

/** The channels as the back end names them, and their colours. */
export const SENDERS: Record<string, string> = {
  'Private sharing': COLOURS.dark_social,
  'Typed or bookmarked': COLOURS.direct,
  Search: COLOURS.search,
  'Public social networks': COLOURS.social,
  'AI assistants': COLOURS.ai,
  Newsletters: COLOURS.email,
  Ads: COLOURS.paid,
  'Other sites': COLOURS.referral,
  'Nobody can tell': COLOURS.unknown,
};

/** What analytics calls Direct, and the colours that the back end gives it over time. */
export const WAYS: Record<string, string> = {
  'Private: clicked in an app': COLOURS.dark_social,
  'Private: clicked on a page that hides itself': '#E8862E',
  'Private: on a page that nobody types': '#F2B98A',
  'Typed or bookmarked': COLOURS.direct,
  'Browser hides every sender': COLOURS.unknown,
};

/** How far from the usual the dark share is, in standard deviations: from four on it is a shift. */
export const DISTANCES: [from: number | null, colour: string][] = [
  [null, COLOURS.search],
  [-4, COLOURS.social],
  [-3, 'panel-bg'],
  [3, '#F2B98A'],
  [4, COLOURS.dark_social],
];

/** What to do where something is never counted. */
export const NOTHING_SHARED: Record<'goals' | 'shares' | 'pages', Text> = {
  goals: {
    en: 'No visits or no goals here. Goals are set in darkshare’s configuration, under sites.',
    fr: 'Aucune visite ou aucun objectif ici. Les objectifs se règlent dans la configuration de darkshare, sous sites.',
  },
  shares: {
    en: 'No link was seen being shared here. Choose a longer time range or more sites.',
    fr: 'Aucun partage n’a été vu ici. Choisissez une période plus longue ou plus de sites.',
  },
  pages: {
    en: 'Nothing is counted for this page here: only the pages with the most visits are told apart. Choose another one, or a longer time range.',
    fr: 'Rien n’est compté ici pour cette page : seules les pages les plus visitées le sont à part. Choisissez-en une autre, ou une période plus longue.',
  },
};

/** Who sees a share, and the colours that the back end gives it over time. */
export const SEEN: Record<string, string> = {
  private: COLOURS.dark_social,
  public: COLOURS.social,
  'private or public': COLOURS.unknown,
};

/** The same in fewer words, for the narrow. */
export const SHORT_WAYS: Record<string, Text> = {
  'Private: clicked in an app': { en: 'Private: in an app', fr: 'Privé : application' },
  'Private: clicked on a page that hides itself': { en: 'Private: a page that hides', fr: 'Privé : page qui se cache' },
  'Private: on a page that nobody types': { en: 'Private: nobody types it', fr: 'Privé : jamais tapée' },
  'Browser hides every sender': { en: 'Browser hides it', fr: 'Navigateur qui cache' },
};
