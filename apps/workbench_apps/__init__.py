"""Panel pages and Voila helpers; filled from the app's issue on."""
