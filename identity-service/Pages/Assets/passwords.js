// Says while the person types how many characters a new password still lacks. The service decides; this only saves a round trip.
for (const field of document.querySelectorAll("input[data-minimum]")) {
  const status = document.createElement("p");
  status.className = "hint";
  status.setAttribute("role", "status");
  field.after(status);
  field.addEventListener("input", () => {
    const length = [...field.value].length; // code points, as the service counts
    const missing = Number(field.dataset.minimum) - length;
    status.textContent = length === 0 ? ""
      : missing > 0 ? field.dataset.missing.replace("{count}", missing)
      : field.dataset.enough;
  });
}
