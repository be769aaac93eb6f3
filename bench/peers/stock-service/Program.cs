// What the resource service answers, validated with JwtBearer as its documentation has it.
using System.Security.Claims;
using Microsoft.IdentityModel.Tokens;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
using var http = new HttpClient();
var keys = new JsonWebKeySet(await http.GetStringAsync(new Uri(builder.Configuration["Keys"]!)));
builder.Services.AddAuthentication().AddJwtBearer(bearer =>
{
    bearer.TokenValidationParameters.ValidIssuer = builder.Configuration["Issuer"];
    bearer.TokenValidationParameters.ValidAudience = "authmesh";
    bearer.TokenValidationParameters.IssuerSigningKeys = keys.GetSigningKeys();
    bearer.MapInboundClaims = false;
});
builder.Services.AddAuthorization();
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
