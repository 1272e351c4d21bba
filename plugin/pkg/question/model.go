// Package question answers the questions that the data source's editor asks in words:
// it turns a query's model into PromQL, and what the server answers into frames that
// a panel shows as they are.
package question

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// The questions.
const (
	DarkShare   = "darkShare"
	Visits      = "visits"
	TopPages    = "topPages"
	Shares      = "shares"
	Direct      = "direct"
	Conversions = "conversions"
	Shift       = "shift"
)

// What the fields of a model hold.
const (
	ofSocial = "social"

	asRate  = "rate"
	asShare = "share"

	overTime  = "time"
	overRange = "range"
)

// A Model is a query as the editor makes it. Fields that are not here are ignored.
type Model struct {
	// Question is what is asked, Of the whole that a dark share is of, By the split,
	// As how visits are counted, Over whether over time or over the whole range.
	Question string `json:"question"`
	Of       string `json:"of"`
	By       string `json:"by"`
	As       string `json:"as"`
	Over     string `json:"over"`
	// Limit is how many series or rows there are at most, the rest not counted.
	Limit   float64 `json:"limit"`
	Filters filters `json:"filters"`
	// Timezone is where days begin, and what sentences tell times in: an IANA name,
	// UTC where it is empty or unknown.
	Timezone string `json:"timezone"`
	// Language is what the answer is in, an ISO 639 code: fr, else English.
	Language string `json:"language"`
}

// filters are the values that count, by label; a label without values is not filtered.
type filters map[string]values

// values are some values, or one without a list around it.
type values []string

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*v = values{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(v))
}

// An InvalidError says what is wrong with a query's model, and what would be right.
type InvalidError struct{ message string }

// Error returns the message.
func (e *InvalidError) Error() string { return e.message }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

const (
	// maxValues bounds the values of a filter, maxValue the bytes of one.
	maxValues = 200
	maxValue  = 2048
)

// Parse reads a model and fills in what its question takes for an empty field. An
// error is an [InvalidError].
func Parse(text []byte) (m Model, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
			return m, invalid("The query's field %q has a value of the wrong kind (%s).", e.Field, e.Value)
		}
		return m, invalid("The query is no valid JSON.")
	}
	if m.Question == "" {
		m.Question = DarkShare
	}
	rules, ok := table.Questions[m.Question]
	if !ok {
		return m, invalid("There is no question %q; there are: %s.", m.Question, strings.Join(questionNames(), ", "))
	}
	for _, f := range []struct {
		name    string
		value   *string
		allowed []string
	}{{"of", &m.Of, rules.Of}, {"by", &m.By, rules.By}, {"as", &m.As, rules.As}, {"over", &m.Over, rules.Over}} {
		if len(f.allowed) == 0 {
			*f.value = ""
			continue
		}
		if *f.value == "" {
			*f.value = f.allowed[0]
		}
		if !slices.Contains(f.allowed, *f.value) {
			return m, invalid("The question %q has no %s %q; it has: %s.", m.Question, f.name, *f.value, list(f.allowed))
		}
	}
	if slices.Contains(rules.AsNeedsBy, m.As) && m.By == "" {
		return m, invalid("A share needs a split: choose what to split by (by is one of %s).", list(rules.By[1:]))
	}
	return m, m.check(rules)
}

func (m *Model) check(rules rules) error {
	m.Limit = min(m.Limit, float64(table.MaxLimit))
	if !(m.Limit >= 1) {
		m.Limit = float64(table.DefaultLimit)
	}
	used := []string{}
	if m.By != "" {
		used = append(used, m.By)
	}
	for _, label := range filterLabels {
		values := m.Filters[label]
		if len(values) == 0 {
			continue
		}
		if !slices.Contains(rules.Filters, label) {
			return invalid("The question %q cannot be filtered by %s, only by %s: remove that filter.", m.Question, label, list(rules.Filters))
		}
		if len(values) > maxValues {
			return invalid("The filter by %s has %d values, more than %d: leave it empty for all.", label, len(values), maxValues)
		}
		for _, v := range values {
			if len(v) > maxValue {
				return invalid("A value of the filter by %s is longer than %d bytes.", label, maxValue)
			}
		}
		if !slices.Contains(used, label) {
			used = append(used, label)
		}
	}
	if m.pages() && m.Of == ofSocial {
		return invalid("Of pages it is not counted which visits are social: ask for the dark share of all visits.")
	}
	for _, set := range rules.Together {
		if !slices.ContainsFunc(used, func(label string) bool { return !slices.Contains(set, label) }) {
			return nil
		}
	}
	return invalid("No metric has %s together: %s.", list(used), apart(rules.Together))
}

// apart says what goes together.
func apart(sets [][]string) string {
	var words []string
	for _, set := range sets {
		words = append(words, list(set))
	}
	return "choose from " + strings.Join(words, "; or from ")
}

// list joins words for people; the empty word is none.
func list(words []string) string {
	var out []string
	for _, w := range words {
		if w == "" {
			w = "nothing"
		}
		out = append(out, w)
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// limit is how many series or rows there are at most.
func (m *Model) limit() int { return int(m.Limit) }

// location returns the model's time zone.
func (m *Model) location() *time.Location {
	if loc, err := time.LoadLocation(m.Timezone); err == nil && m.Timezone != "Local" {
		return loc
	}
	return time.UTC
}

// sections reports whether the model asks for sections, which only one metric has.
func (m *Model) sections() bool {
	return m.By == schema.LabelSection || len(m.Filters[schema.LabelSection]) > 0
}

// pages reports whether the model asks for pages, of which only private visits and the
// rest are told apart.
func (m *Model) pages() bool {
	return m.By == schema.LabelPage || len(m.Filters[schema.LabelPage]) > 0
}

// visits is the metric that has the labels that the model asks for.
func (m *Model) visits() *schema.Metric {
	switch {
	case m.sections():
		return schema.SectionVisits
	case m.pages():
		return schema.PageVisits
	}
	return schema.Visits
}

// matchers returns the filters.
func (m *Model) matchers() (all []matcher) {
	for _, label := range filterLabels {
		if v := m.Filters[label]; len(v) > 0 {
			all = append(all, matcher{label, v})
		}
	}
	return all
}

// filterLabels are what one may filter by, in the order of a selector.
var filterLabels = []string{
	schema.LabelSite, schema.LabelSection, schema.LabelPage, schema.LabelDevice, schema.LabelChannel, schema.LabelSource,
}
