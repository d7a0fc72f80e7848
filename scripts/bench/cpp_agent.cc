// A moving average on protobuf's C++ library, as most would write it first: one thread, a read and a write of a buffer
// at a time, each message parsed into the generated classes. It does for `field` and `size` what `tine agent moving-avg`
// does, and no snapshots.
//
//     c++ -O2 -o cpp_agent cpp_agent.cc udf.pb.cc -lprotobuf
#include <unistd.h>

#include <deque>
#include <string>
#include <unordered_map>

#include "udf.pb.h"

namespace {

struct Window {
  std::deque<double> values;
  double sum = 0;
};

class MovingAverage {
 public:
  void Init(const agent::InitRequest& init, agent::InitResponse* response) {
    for (const auto& option : init.options()) {
      if (option.name() == "field") field_ = option.values(0).stringvalue();
      if (option.name() == "size") size_ = option.values(0).intvalue();
    }
    response->set_success(!field_.empty() && size_ > 0);
    if (!response->success()) response->set_error("field and size must be given");
  }

  // Replaces the fields of the point by the mean; returns false for a point without the field.
  bool Answer(agent::Point* point) {
    const auto value = point->fieldsdouble().find(field_);
    if (value == point->fieldsdouble().end()) return false;
    Window& window = windows_[point->group()];
    window.values.push_back(value->second);
    window.sum += value->second;
    if (window.values.size() > static_cast<size_t>(size_)) {
      window.sum -= window.values.front();
      window.values.pop_front();
    }
    point->clear_fieldsdouble();
    point->clear_fieldsint();
    point->clear_fieldsstring();
    point->clear_fieldsbool();
    (*point->mutable_fieldsdouble())["avg"] = window.sum / window.values.size();
    return true;
  }

 private:
  std::string field_;
  int64_t size_ = 0;
  std::unordered_map<std::string, Window> windows_;
};

class Agent {
 public:
  int Run() {
    std::string input;
    char chunk[64 * 1024];
    for (;;) {
      const ssize_t count = read(STDIN_FILENO, chunk, sizeof chunk);
      if (count <= 0) return count < 0 || !input.empty();
      input.append(chunk, count);
      size_t position = 0;
      while (Next(input, &position)) {
      }
      input.erase(0, position);
      if (!Flush()) return 1;
    }
  }

 private:
  // Handles the request at the position, if it is whole.
  bool Next(const std::string& input, size_t* position) {
    uint32_t length = 0;
    size_t start = *position;
    for (int shift = 0;; shift += 7) {
      if (start == input.size()) return false;
      const uint8_t byte = input[start++];
      length |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (input.size() - start < length) return false;
    *position = start + length;
    if (!request_.ParseFromArray(input.data() + start, length)) _exit(1);
    Handle();
    return true;
  }

  void Handle() {
    response_.Clear();
    if (request_.has_point()) {
      if (!handler_.Answer(request_.mutable_point())) return;
      response_.mutable_point()->Swap(request_.mutable_point());
    } else if (request_.has_keepalive()) {
      response_.mutable_keepalive()->set_time(request_.keepalive().time());
    } else if (request_.has_info()) {
      auto* options = response_.mutable_info()->mutable_options();
      (*options)["field"].add_valuetypes(agent::STRING);
      (*options)["size"].add_valuetypes(agent::INT);
    } else if (request_.has_init()) {
      handler_.Init(request_.init(), response_.mutable_init());
    } else if (request_.has_snapshot()) {
      response_.mutable_snapshot();
    } else if (request_.has_restore()) {
      response_.mutable_restore()->set_success(true);
    } else {
      return;
    }
    Write();
  }

  void Write() {
    uint32_t length = response_.ByteSizeLong();
    for (; length > 0x7f; length >>= 7) output_.push_back(static_cast<char>(length & 0x7f | 0x80));
    output_.push_back(static_cast<char>(length));
    response_.AppendToString(&output_);
  }

  bool Flush() {
    for (size_t done = 0; done < output_.size();) {
      const ssize_t count = write(STDOUT_FILENO, output_.data() + done, output_.size() - done);
      if (count < 0) return false;
      done += count;
    }
    output_.clear();
    return true;
  }

  MovingAverage handler_;
  agent::Request request_;
  agent::Response response_;
  std::string output_;
};

}  // namespace

int main() { return Agent().Run(); }
