package attribution

import "bytes"

// A finding is what the tags of a URL say.
type finding struct {
	weight tagWeight
	sender sender
	// rule is ruleNone where they say nothing.
	rule Rule
	// param and value are the parameter that said it, as logged; for campaigns,
	// param is empty and source and medium hold the words.
	param, value   []byte
	source, medium []byte
}

// wordSize is the longest value that is looked up; names of apps are shorter.
const wordSize = 64

// tagWords is where values are decoded: the value at hand, and a campaign's.
type tagWords struct{ value, source, medium [wordSize]byte }

// find reads the parameters of a query, once.
func (t *tagTable) find(query []byte, words *tagWords) (f finding) {
	f.weight = tagNone
	campaign := false // the campaign's name makes it paid
	for len(query) > 0 {
		var pair []byte
		if i := bytes.IndexByte(query, '&'); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			pair, query = query, nil
		}
		key, value := pair, []byte(nil)
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			key, value = pair[:i], pair[i+1:]
		}
		// Links copied out of HTML keep its &amp;.
		if len(key) > 4 && string(key[:4]) == "amp;" {
			key = key[4:]
		}
		if len(key) == 0 || len(key) > t.longest {
			continue
		}
		tags, ok := t.params[string(key)]
		if !ok {
			continue
		}
		w := decode(&words.value, value)
		if len(w) == 0 {
			continue
		}
		for i := range tags {
			tag := &tags[i]
			if !tag.matches(w) {
				continue
			}
			s := tag.sender
			switch tag.weight {
			case tagSource:
				if f.source == nil {
					f.source = value
				}
				continue
			case tagMedium:
				if f.medium == nil {
					f.medium = value
				}
				continue
			case tagCampaign:
				campaign = campaign || bytes.Contains(w, []byte("cross-network"))
				continue
			case tagShareName, tagShareKnown:
				named, ok := t.name(w)
				if !ok && tag.weight == tagShareKnown {
					continue
				}
				s = named // whatever else a site's own share tag says, it was shared
			}
			if tag.weight < f.weight {
				f.weight, f.sender, f.param, f.value = tag.weight, s, key, value
			}
			break
		}
	}
	t.decide(&f, campaign, words)
	return f
}

func (t *tag) matches(value []byte) bool {
	if t.prefix {
		return len(value) >= len(t.value) && string(value[:len(t.value)]) == t.value
	}
	return string(value) == t.value
}

// decide sets the rule, and the sender where the campaign's words name it.
func (t *tagTable) decide(f *finding, campaign bool, words *tagWords) {
	var s sender
	var spoke bool
	if f.weight > tagPaid && (f.source != nil || f.medium != nil || campaign) {
		s, spoke = t.campaign(decode(&words.source, f.source), decode(&words.medium, f.medium))
		if campaign {
			s.section, spoke = sectionPaid, true
		}
		if spoke && (f.weight > tagEmail || s.section == sectionPaid) {
			f.weight, f.sender, f.param, f.value = tagSource, s, nil, nil
		}
	}
	switch f.weight {
	case tagUser:
		f.rule = ruleTagUser
	case tagShare, tagShareName, tagShareKnown:
		f.rule = ruleTagShare
	case tagPaid:
		f.rule = ruleTagPaid
	case tagEmail:
		f.rule = ruleTagEmail
	case tagSource:
		f.rule = ruleTagCampaign
	case tagWeak:
		f.rule = ruleTagWeak
	}
}

// campaign says who sent a visit with that source and medium, in lower case, by
// GA4's default channels in their order, with private sharing before them.
func (t *tagTable) campaign(source, medium []byte) (s sender, ok bool) {
	if isUnset(source) {
		source = nil
	}
	if isUnset(medium) {
		medium = nil
	}
	if len(source) == 0 && len(medium) == 0 {
		return sender{}, false
	}
	by, known := t.name(source)
	what, hasWhat := t.mediums[string(medium)]
	switch {
	case hasWhat && what == sectionPaid, bytes.Contains(medium, []byte("cp")), bytes.HasPrefix(medium, []byte("paid")),
		bytes.HasPrefix(medium, []byte("retargeting")):
		return sender{by.source, sectionPaid}, true
	}
	if m, named := t.senders.names[string(medium)]; named && !hasWhat && m.section == sectionPrivate {
		if known && (by.section == sectionPrivate || t.generic[m.source]) {
			m.source = by.source
		}
		return m, true
	}
	if !known {
		by = sender{}
	}
	switch {
	case known && (by.section == sectionPrivate || by.section == sectionAI || by.section == sectionShopping):
		return by, true
	case known && by.section == sectionSocial, hasWhat && what == sectionSocial:
		return sender{by.source, sectionSocial}, true
	case known && by.section == sectionVideo, bytes.Contains(medium, []byte("video")):
		return sender{by.source, sectionVideo}, true
	case known && by.section == sectionSearch, hasWhat && what == sectionSearch:
		return sender{by.source, sectionSearch}, true
	case known && by.section == sectionEmail, hasWhat && what == sectionEmail:
		if !known {
			by.source = t.newsletter
		}
		return sender{by.source, sectionEmail}, true
	case known && by.section == sectionWebmail:
		return by, true
	case hasWhat && what == sectionAI:
		return sender{by.source, sectionAI}, true
	}
	// Affiliates, referral, audio, push and what GA4 leaves unassigned: the link was
	// tagged, so somebody placed it, and nothing says that it was private.
	return sender{by.source, sectionReferral}, true
}

// isUnset reports whether a word is one that stands for none.
func isUnset(w []byte) bool {
	switch string(w) {
	case "(direct)", "direct", "(none)", "none", "(not set)", "null", "undefined", "-":
		return true
	}
	return false
}

// name returns the sender that a tag's word, in lower case, names: one of the
// names that the tables have, or one of the hosts.
func (t *tagTable) name(word []byte) (sender, bool) {
	if len(word) == 0 {
		return sender{}, false
	}
	if s, ok := t.senders.names[string(word)]; ok {
		return s, true
	}
	if bytes.IndexByte(word, '.') < 0 {
		return sender{}, false
	}
	for _, b := range word {
		if !isLetter(b) && !isDigit(b) && b != '-' && b != '.' {
			return sender{}, false
		}
	}
	if word[0] == '.' || word[len(word)-1] == '.' {
		return sender{}, false
	}
	_, suffix := registrable(word)
	return t.senders.find(word, suffix)
}

// decode undoes a query's escapes and lowers the case, into word. A value that
// does not fit names nothing: its beginning is returned, for prefixes.
func decode(word *[wordSize]byte, value []byte) []byte {
	n := 0
	for i := 0; i < len(value) && n < len(word); i++ {
		b := value[i]
		switch {
		case b == '+':
			b = ' '
		case b == '%' && i+2 < len(value) && isHex(value[i+1]) && isHex(value[i+2]):
			b = unhex(value[i+1])<<4 | unhex(value[i+2])
			i += 2
		}
		word[n] = lower(b)
		n++
	}
	return bytes.TrimSpace(word[:n])
}

func unhex(b byte) byte {
	if isDigit(b) {
		return b - '0'
	}
	return b | 0x20 - 'a' + 10
}

// isFeedQuery reports whether the query asks for a feed, as WordPress's
// ?feed=rss2, blosxom's ?flav=rss20 and Joomla's ?format=feed do.
func isFeedQuery(query []byte) bool {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		key, value, _ := bytes.Cut(pair, []byte("="))
		switch string(key) {
		case "feed", "flav", "flavour", "format", "output", "type", "view", "alt":
			if hasPrefixFold(value, "rss") || hasPrefixFold(value, "atom") || hasPrefixFold(value, "rdf") || equalFold(value, "feed") {
				return true
			}
		}
	}
	return false
}
