package attribution

import (
	"bytes"
	"embed"
	"sync"

	"go.yaml.in/yaml/v3"
)

// A dataFile is an embedded table. It is decoded when it is first asked for, and
// once: reading YAML is most of what New costs. What it holds must not be changed.
type dataFile[T any] struct {
	name    string
	decoded func() (T, error)
}

func newDataFile[T any](files embed.FS, name string) dataFile[T] {
	return dataFile[T]{name, sync.OnceValues(func() (file T, err error) {
		text, err := files.ReadFile(name)
		if err != nil {
			return file, err
		}
		d := yaml.NewDecoder(bytes.NewReader(text))
		d.KnownFields(true)
		return file, d.Decode(&file)
	})}
}
