//! One integration binary: each module holds the tests of one area, `support` what they share.

mod support;

mod architecture;
mod config;
mod control;
mod desktop;
mod doctor;
mod energy;
mod energy_load;
mod experience;
mod graphics;
mod guardian;
mod journal;
mod knowledge;
mod learning;
mod learning_files;
mod learning_libraries;
mod learning_nights;
mod learning_routes;
mod let_go;
mod libraries;
mod llm;
mod nights;
mod pack;
mod sandbox;
mod second_looks;
mod serve;
mod servers;
mod service;
mod session;
mod supervisor;
mod systemd;
mod verify;
mod wake;
mod weaver;
mod wire;
