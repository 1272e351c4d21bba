package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// A closedSet is a type whose values all have names.
type closedSet struct {
	names  []string
	values []reflect.Value
}

func (s *closedSet) add(name string, value any) {
	s.names = append(s.names, name)
	s.values = append(s.values, reflect.ValueOf(value))
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	closedSets   = func() map[reflect.Type]*closedSet {
		var channels, scopes, levels closedSet
		for c := range schema.NumChannels {
			channels.add(c.String(), c)
		}
		for s := range schema.NumScopes {
			scopes.add(s.String(), s)
		}
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			levels.add(strings.ToLower(l.String()), l)
		}
		return map[reflect.Type]*closedSet{
			reflect.TypeFor[schema.Channel](): &channels,
			reflect.TypeFor[schema.Scope]():   &scopes,
			reflect.TypeFor[slog.Level]():     &levels,
		}
	}()
)

// keySets has the keys that a mapping can have, by the tag's name for them.
var keySets = map[string][]string{
	// What accesslog.Options.JSON can name: the fields of a request, and two more.
	"field": func() []string {
		names := []string{"request", "query"}
		for f := accesslog.Fields(1); f.String() != ""; f <<= 1 {
			names = append(names, f.String())
		}
		return names
	}(),
}

// parseText sets v to the value that text stands for, if it is one that the tag allows.
func parseText(text string, v reflect.Value, tag reflect.StructTag) error {
	t := v.Type()
	unexpected := fmt.Errorf("expected %s, got %s", expected(t, tag), quote(text))
	if set := closedSets[t]; set != nil {
		i := slices.Index(set.names, text)
		if i < 0 {
			return unexpected
		}
		v.Set(set.values[i])
		return nil
	}
	switch {
	case t == durationType:
		n, err := time.ParseDuration(text)
		if err != nil || !inRange(int64(n), t, tag) {
			return unexpected
		}
		v.SetInt(int64(n))
	case t.Kind() == reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !inRange(n, t, tag) {
			return unexpected
		}
		v.SetInt(n)
	case t.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return unexpected
		}
		v.SetBool(text == "true")
	default:
		if set, ok := tag.Lookup("oneof"); ok && !slices.Contains(strings.Fields(set), text) {
			return unexpected
		}
		if name, ok := tag.Lookup("form"); ok {
			formed, err := forms[name].parse(text)
			if errors.Is(err, errEmpty) {
				return unexpected
			} else if err != nil {
				return err
			}
			text = formed
		}
		v.SetString(text)
	}
	return nil
}

func inRange(n int64, t reflect.Type, tag reflect.StructTag) bool {
	low, high, ok := strings.Cut(tag.Get("range"), "..")
	if !ok {
		return true
	}
	return mustInt(low, t) <= n && n <= mustInt(high, t)
}

func mustInt(text string, t reflect.Type) int64 {
	v := reflect.New(t).Elem()
	if err := parseText(text, v, ""); err != nil {
		panic("config: a range: " + err.Error())
	}
	return v.Int()
}

// expected says in words what a value must be: for messages and for the reference.
func expected(t reflect.Type, tag reflect.StructTag) string {
	low, high, bounded := strings.Cut(tag.Get("range"), "..")
	within := ""
	if bounded {
		within = ", from " + low + " to " + high
	}
	set := strings.Fields(tag.Get("oneof"))
	if s := closedSets[t]; s != nil {
		set = s.names
	}
	switch {
	case len(set) > 0:
		return "one of " + strings.Join(set, ", ")
	case t == durationType:
		return "a duration such as 30m" + within
	}
	switch t.Kind() {
	case reflect.Pointer:
		return expected(t.Elem(), tag)
	case reflect.Int:
		return "a whole number" + within
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "a mapping with the keys " + strings.Join(keys(fieldsOf(t)), ", ")
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "a list of mappings with the keys " + strings.Join(keys(fieldsOf(t.Elem())), ", ")
		}
		return "a list, each " + expected(t.Elem(), tag)
	case reflect.Map:
		return "a mapping from some of " + strings.Join(keySets[tag.Get("keys")], ", ") + " to texts"
	}
	if name, ok := tag.Lookup("form"); ok {
		return forms[name].what
	}
	return "a text"
}
