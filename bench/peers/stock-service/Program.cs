// The resource service's answer, for signed-in callers only.
using System.Security.Claims;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
await builder.AddStockBearerAsync();
var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapGet("/protected", (ClaimsPrincipal user) => new
{
    status = "success",
    message = $"You are viewing protected content, {user.FindFirstValue("preferred_username")}!",
    role = user.FindFirstValue("role"),
}).RequireAuthorization();
app.Run();
