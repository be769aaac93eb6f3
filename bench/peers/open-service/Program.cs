// The resource service's answer, without authentication, on the bare framework. The compared proxies stand in front of it.
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, OpenJson.Default));
var app = builder.Build();
app.MapGet("/protected", () => OpenResponse.Answer);
app.Run();
