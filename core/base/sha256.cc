#include "core/base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "absl/strings/escaping.h"
#include "core/base/check.h"

namespace steer {

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  STEER_CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::Update(std::span<const std::byte> data) {
  STEER_CHECK(EVP_DigestUpdate(context_->evp, data.data(), data.size()) == 1);
}

void Sha256::Update(absl::string_view data) {
  Update(std::as_bytes(std::span<const char>(data.data(), data.size())));
}

std::array<std::byte, 32> Sha256::Digest() {
  std::array<std::byte, 32> digest;
  unsigned int size = 0;
  STEER_CHECK(EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(digest.data()),
                                 &size) == 1 &&
              size == digest.size());
  return digest;
}

std::string Sha256::HexDigest() {
  const std::array<std::byte, 32> digest = Digest();
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::array<std::byte, 32> Sha256Digest(absl::string_view data) {
  Sha256 sha;
  sha.Update(data);
  return sha.Digest();
}

std::string Sha256Hex(absl::string_view data) {
  Sha256 sha;
  sha.Update(data);
  return sha.HexDigest();
}

}  // namespace steer
