//! LessonsStore.
