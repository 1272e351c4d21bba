package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxRetries bounds how often a file with syntax errors is read again.
const maxRetries = 10

// readText returns the file in lines of text that YAML can hold, without their
// ends. What it cannot hold is a mistake, and replaced so that the rest can be read.
//
// YAML 1.1 also ends lines at a lone carriage return, U+0085, U+2028 and U+2029;
// refusing these keeps its line numbers those of every editor.
func readText(m *mistakes, data []byte) []string {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	lines := strings.Split(string(data), "\n")
	if n := len(lines); n > 1 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	m.lines = len(lines)
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if !utf8.ValidString(line) {
			m.add(i+1, "", "not UTF-8: save the file in that encoding")
			line = strings.ToValidUTF8(line, "\ufffd")
		}
		if at := strings.IndexFunc(line, unreadable); at >= 0 {
			r, _ := utf8.DecodeRuneInString(line[at:])
			m.add(i+1, "", "the character %U cannot be in a configuration file", r)
			line = strings.Map(func(r rune) rune {
				if unreadable(r) {
					return '\ufffd'
				}
				return r
			}, line)
		}
		lines[i] = line
	}
	return lines
}

func unreadable(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < ' ', 0x7f <= r && r < 0xa0, r == '\u2028', r == '\u2029', r == '\ufeff', r == '\ufffe', r == '\uffff':
		return true
	}
	return false
}

// parseYAML parses the lines. A syntax error does not hide what is wrong
// elsewhere: the top-level section that has it is blanked, and the rest read again;
// whole then is false.
func parseYAML(m *mistakes, lines []string) (root *yaml.Node, whole bool) {
	whole = true
	blanked := ""
	for range maxRetries {
		root, err := parseDocument(m, lines)
		if err == nil {
			return root, whole
		}
		line, message := syntaxError(err, lines)
		line = min(max(line, 1), len(lines))
		from, to := section(lines, line)
		anchor, dangling := strings.CutPrefix(message, unknownAnchor)
		anchor, _, _ = strings.Cut(anchor, "'")
		switch tabs := indentTabs(lines, from, to); {
		case dangling && strings.Contains(blanked, "&"+anchor):
			// The anchor went with its section.
		case len(tabs) > 0 && !dangling:
			for _, i := range tabs {
				m.add(i+1, "", "a tab in the indentation: YAML takes spaces only")
			}
		default:
			m.add(line, "", "not YAML: %s%s", message, hint(message))
		}
		whole = false
		text := strings.Join(lines[from:to], "\n")
		if text == "" {
			return nil, false
		}
		blanked += text
		clear(lines[from:to])
	}
	return nil, false
}

// parseDocument returns the root of the one document, nil where there is none.
func parseDocument(m *mistakes, lines []string) (*yaml.Node, error) {
	dec := yaml.NewDecoder(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	var first, second yaml.Node
	if err := dec.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&second); err == nil {
		m.add(second.Line, "", "a second document begins here: the configuration is one")
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

const unknownAnchor = "unknown anchor '"

var (
	yamlError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	// blockError matches the errors for which the library gives the line where the
	// list or mapping begins in place of the line that does not fit into it.
	blockError = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or )`)
)

// syntaxError takes an error of the YAML library apart. Without a line it is in the first.
func syntaxError(err error, lines []string) (line int, message string) {
	match := yamlError.FindStringSubmatch(err.Error())
	if match == nil {
		return 1, err.Error()
	}
	message = match[2]
	if anchor, ok := strings.CutPrefix(message, unknownAnchor); ok {
		anchor, _, _ = strings.Cut(anchor, "'")
		return 1 + slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "*"+anchor) }), message
	}
	if blockError.MatchString(message) {
		// The line that makes the error is the last one of the shortest beginning of
		// the file that has it.
		return 1 + sort.Search(len(lines), func(i int) bool {
			_, shorter := parseDocument(&mistakes{}, lines[:i+1])
			return shorter != nil && shorter.Error() == err.Error()
		}), message
	}
	line, _ = strconv.Atoi(match[1])
	return line, message
}

// hint says what mostly is behind an error of the YAML library.
func hint(message string) string {
	for _, h := range [...]struct{ message, hint string }{
		{"did not find expected ',' or", "is a bracket not closed?"},
		{"did not find expected node content", "is a bracket not closed?"},
		{"did not find expected", "is the line indented like those it belongs to?"},
		{"mapping values are not allowed", `is the line indented like those it belongs to? a text with ": " needs quotes`},
		{"found character that cannot start any token", "a text that begins with @, %, ` or a tab needs quotes"},
		{"found unexpected end of stream", "is a quote not closed?"},
		{"could not find expected ':'", "is the key without its colon?"},
		{"found unknown escape character", `write \\ for \, or use single quotes`},
	} {
		if strings.HasPrefix(message, h.message) {
			return " (" + h.hint + ")"
		}
	}
	return ""
}

// section returns the bounds of the top-level section around a line: lines[from]
// begins with a key in the first column, lines[to] with the next one.
func section(lines []string, line int) (from, to int) {
	begins := func(i int) bool { return lines[i] != "" && !strings.ContainsRune(" \t#-]}", rune(lines[i][0])) }
	for from = line - 1; from > 0 && !begins(from); from-- {
	}
	for to = line; to < len(lines) && !begins(to); to++ {
	}
	return from, to
}

func indentTabs(lines []string, from, to int) (at []int) {
	for i := from; i < to; i++ {
		rest := strings.TrimLeft(lines[i], " ")
		if strings.HasPrefix(rest, "\t") && strings.TrimSpace(rest) != "" {
			at = append(at, i)
		}
	}
	return at
}
