// Writes metrics as Telegraf's outputs do with data_format = "json", and the same in its line protocol.
// Usage: go run . FOLDER
package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/influxdata/telegraf/plugins/serializers/json"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var metrics []telegraf.Metric
	// The serializer writes 98.0 as 98.
	for i, usage := range []float64{99.5, 98, 97.5} {
		tags := map[string]string{"host": "a", "region": "eu \"west\", é"}
		fields := map[string]interface{}{"usage": usage, "n": int64(9007199254740993 - i), "up": i%2 == 0, "note": "two\nlines <&>"}
		metrics = append(metrics, metric.New("cpu", tags, fields, start.Add(time.Duration(i)*time.Second)))
	}
	metrics = append(metrics, metric.New("mem", nil, map[string]interface{}{"free": uint64(7)}, start))
	folder := os.Args[1]
	check(os.MkdirAll(folder, 0o755))
	write := func(name string, content []byte) {
		check(os.WriteFile(filepath.Join(folder, name), content, 0o644))
	}
	for name, serializer := range map[string]*json.Serializer{
		"s":   {},
		"ms":  {TimestampUnits: config.Duration(time.Millisecond)},
		"rfc": {TimestampFormat: time.RFC3339Nano},
	} {
		check(serializer.Init())
		var single []byte
		for _, metric := range metrics {
			line, err := serializer.Serialize(metric)
			check(err)
			single = append(single, line...)
		}
		write("single-"+name+".json", single)
		batch, err := serializer.SerializeBatch(metrics)
		check(err)
		write("batch-"+name+".json", batch)
	}
	serializer := &influx.Serializer{SortFields: true, UintSupport: true}
	check(serializer.Init())
	lines, err := serializer.SerializeBatch(metrics)
	check(err)
	write("points.lp", lines)
}
