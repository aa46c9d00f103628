import "./main.css";
document.getElementById("app").textContent = "built by vite";
