// YARP that lets only signed-in callers pass, with JwtBearer as its documentation has it.
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
});
builder.Services.AddAuthorization();
builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"));
var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapReverseProxy();
app.Run();
