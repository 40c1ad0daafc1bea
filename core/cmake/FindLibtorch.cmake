# Finds libtorch inside a PyTorch wheel (CPU or CUDA) or in a libtorch archive, and needs no CUDA toolkit:
# torch's own package config demands one at configure time as soon as the wheel is a CUDA build.
#
# Looked at, in this order:
#   Torch_DIR       cache or environment; <root>/share/cmake/Torch, as torch's own package config wants it
#   LIBTORCH_ROOT   cache or environment; the folder that holds include/ and lib/
#   the torch package of the Python interpreter STEER_PYTHON (default: python3)
#
# Result: the imported target libtorch::libtorch, and LIBTORCH_ROOT, LIBTORCH_VERSION, LIBTORCH_FLAVOUR (cpu|cuda).

set(STEER_PYTHON python3 CACHE STRING "Python interpreter whose torch package holds libtorch")
set(_torch_dir "${Torch_DIR}")
if(NOT _torch_dir AND DEFINED ENV{Torch_DIR})
  set(_torch_dir "$ENV{Torch_DIR}")
endif()

if(_torch_dir)
  get_filename_component(_root "${_torch_dir}/../../.." ABSOLUTE)
elseif(LIBTORCH_ROOT)
  set(_root "${LIBTORCH_ROOT}")
elseif(DEFINED ENV{LIBTORCH_ROOT})
  set(_root "$ENV{LIBTORCH_ROOT}")
else()
  # find_spec does not import torch, which would take seconds.
  execute_process(
    COMMAND ${STEER_PYTHON} -c
      "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE _root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()

find_path(LIBTORCH_INCLUDE_DIR ATen/core/Tensor.h PATHS "${_root}/include" NO_DEFAULT_PATH NO_CACHE)
foreach(_name torch torch_cpu c10 torch_cuda c10_cuda)
  find_library(LIBTORCH_${_name} ${_name} PATHS "${_root}/lib" NO_DEFAULT_PATH NO_CACHE)
endforeach()

set(LIBTORCH_VERSION "")
# The numbers live in headeronly/ since torch 2.9, in the C++ API's folder before.
foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(NOT LIBTORCH_VERSION AND LIBTORCH_INCLUDE_DIR AND EXISTS "${LIBTORCH_INCLUDE_DIR}/${_header}")
    file(STRINGS "${LIBTORCH_INCLUDE_DIR}/${_header}" _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    if(_lines)
      string(REGEX MATCHALL "[0-9]+" _numbers "${_lines}")
      list(JOIN _numbers "." LIBTORCH_VERSION)
    endif()
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch
  REQUIRED_VARS LIBTORCH_INCLUDE_DIR LIBTORCH_torch LIBTORCH_torch_cpu LIBTORCH_c10
  VERSION_VAR LIBTORCH_VERSION
  REASON_FAILURE_MESSAGE
    "Set Torch_DIR or LIBTORCH_ROOT, or STEER_PYTHON to an interpreter with torch installed (pip install torch==2.13.0).")

if(Libtorch_FOUND AND NOT TARGET libtorch::libtorch)
  set(LIBTORCH_ROOT "${_root}" CACHE PATH "The folder that holds libtorch's include/ and lib/" FORCE)
  set(LIBTORCH_FLAVOUR cpu)
  # --no-as-needed: libtorch_cuda.so registers its kernels when loaded and is never called by name.
  set(_libs -Wl,--push-state,--no-as-needed ${LIBTORCH_torch} ${LIBTORCH_torch_cpu} ${LIBTORCH_c10})
  if(LIBTORCH_torch_cuda)
    set(LIBTORCH_FLAVOUR cuda)
    list(APPEND _libs ${LIBTORCH_torch_cuda} ${LIBTORCH_c10_cuda})
  endif()
  list(APPEND _libs -Wl,--pop-state)
  add_library(libtorch::libtorch INTERFACE IMPORTED)
  set_target_properties(libtorch::libtorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${LIBTORCH_INCLUDE_DIR};${LIBTORCH_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
      "${LIBTORCH_INCLUDE_DIR};${LIBTORCH_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${_libs}")
  message(STATUS "libtorch ${LIBTORCH_VERSION} (${LIBTORCH_FLAVOUR}) at ${LIBTORCH_ROOT}")
endif()
