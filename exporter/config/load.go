package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// maxSize is the largest configuration in bytes. One of 100 sites has 50,000.
const maxSize = 1 << 20

// Default returns the configuration of an empty file.
func Default() Config {
	var c Config
	setDefaults(reflect.ValueOf(&c).Elem())
	return c
}

// Load reads the configuration from a file of at most 1 MiB and takes the
// paths of its inputs, of what it forwards with, of its state and its store to be
// relative to the file's folder. The error is an *[Errors] where the file could be
// read, else that of the operating system.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	for i := range c.Inputs {
		for _, file := range c.Inputs[i].paths() {
			if *file != "" && !filepath.IsAbs(*file) {
				*file = filepath.Join(filepath.Dir(path), *file)
			}
		}
	}
	for _, file := range c.Forward.paths() {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(filepath.Dir(path), *file)
		}
	}
	more := []*string{&c.State.File, &c.Store.Dir}
	for i := range c.Store.RuleFiles {
		more = append(more, &c.Store.RuleFiles[i])
	}
	for _, file := range more {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(filepath.Dir(path), *file)
		}
	}
	return c, nil
}

// Parse reads a configuration; name stands for it in messages. Environment
// variables are not expanded, since definitions of logs are full of dollar signs.
//
// The error is an *[Errors] with every mistake there is; then there is no
// configuration.
func Parse(name string, data []byte) (*Config, error) {
	m := &mistakes{file: name, lines: 1}
	if len(data) > maxSize {
		m.add(1, "", "larger than 1 MiB: is this the configuration?")
		return nil, m.err()
	}
	root, whole := parseYAML(m, readText(m, data))
	if root == nil {
		if whole {
			m.add(1, "", "empty: expected some of %s", strings.Join(keys(fieldsOf(reflect.TypeFor[Config]())), ", "))
		}
		return nil, m.err()
	}
	c := Default()
	d := newDecoder(m)
	d.value(root, reflect.ValueOf(&c).Elem(), "", "")
	if d.left > 0 {
		check(d, &c, whole)
	}
	if err := m.err(); err != nil {
		return nil, err
	}
	return &c, nil
}
