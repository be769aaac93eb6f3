// Says while the person types how many characters a new password still lacks. The service decides; this only saves a round trip.
for (const status of document.querySelectorAll("[data-minimum]")) {
  const field = document.getElementById(status.dataset.field);
  field.addEventListener("input", () => {
    const length = [...field.value].length; // code points, as the service counts
    const missing = Number(status.dataset.minimum) - length;
    status.textContent = length === 0 ? ""
      : missing > 0 ? status.dataset.missing.replace("{count}", missing)
      : status.dataset.enough;
  });
}
