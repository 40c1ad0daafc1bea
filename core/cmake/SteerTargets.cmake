# One target per folder: steer_<folder>, made of the folder's own .cc files and linked only to the folders it may
# include. tests/lint/layering_test.py compares the includes with these lists.

add_library(steer_flags INTERFACE)
# Designated initialisers leave out what keeps its default: that is what defaults are for.
target_compile_options(steer_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers)
if(STEER_WARNINGS_AS_ERRORS)
  target_compile_options(steer_flags INTERFACE -Werror)
endif()
if(STEER_SANITIZE)
  target_compile_options(steer_flags INTERFACE -fsanitize=${STEER_SANITIZE})
  target_link_options(steer_flags INTERFACE -fsanitize=${STEER_SANITIZE})
endif()

# steer_library(folder [TORCH] [DEPS folder...] [LIBS target...] [PRIVATE_LIBS target...])
#   DEPS: folders of core/ whose headers this folder's headers or sources include.
#   TORCH: the folder sees libtorch; always PRIVATE, so nobody sees it by accident.
function(steer_library folder)
  cmake_parse_arguments(ARG "TORCH" "" "DEPS;LIBS;PRIVATE_LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(steer_${folder} STATIC ${sources})
  target_include_directories(steer_${folder} PUBLIC ${PROJECT_SOURCE_DIR})
  list(TRANSFORM ARG_DEPS PREPEND steer_)
  target_link_libraries(steer_${folder} PUBLIC ${ARG_DEPS} ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS} steer_flags)
  if(ARG_TORCH)
    target_link_libraries(steer_${folder} PRIVATE libtorch::libtorch)
    # at::parallel_for in our own files silently uses one thread without it.
    target_compile_options(steer_${folder} PRIVATE -fopenmp)
    target_link_options(steer_${folder} PUBLIC -fopenmp)
  endif()
endfunction()

# steer_test(name LABEL label [TORCH] [DEPS target...] [TIMEOUT seconds])
#   One executable from every *_test.cc of the calling folder; each TEST becomes a CTest test with that label. The models
#   are in its environment: STEER_TEST_MODEL (the default model) and STEER_TINY_MODEL (seeded, made by the build).
function(steer_test name)
  cmake_parse_arguments(ARG "TORCH" "LABEL;TIMEOUT" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main steer_flags)
  target_compile_definitions(${name} PRIVATE STEER_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/testdata")
  if(ARG_TORCH)
    target_link_libraries(${name} PRIVATE libtorch::libtorch)
  endif()
  add_dependencies(${name} steer_tiny_model)
  # Started through env(1), because gtest_discover_tests cannot pass a list of variables on as a property. One thread per test:
  # CTest runs them side by side, and idle OpenMP threads that spin would starve their neighbours.
  set_target_properties(${name} PROPERTIES CROSSCOMPILING_EMULATOR
    "env;OMP_NUM_THREADS=1;STEER_TEST_MODEL=${STEER_TEST_MODEL};STEER_TINY_MODEL=${STEER_TINY_MODEL}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
